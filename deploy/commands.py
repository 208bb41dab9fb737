"""What commands there are: where each lives, and what its help says."""

from __future__ import annotations

# Import paths, not functions: `frwatch --help` need not load an engine. A help's first line is its summary.
COMMANDS = {
    "up": (
        "deploy.local.commands:up",
        """Start the local stack, or mend it, and return when it is ready.

        A broker, an engine, the tables and workers, on loopback; their state is in the folder that
        FRWATCH_HOME names (.frwatch). Where it runs already, its addresses are printed again.

            frwatch up --workers 2
        """,
    ),
    "down": (
        "deploy.local.commands:down",
        """Stop the local stack; its data stay.

            frwatch down && frwatch up --fresh     # begin again with empty data
        """,
    ),
    "status": (
        "deploy.local.commands:status",
        """Say what of the local stack runs, and how far behind it is.

        Exit status 0 if all of it is ready, else 1.

            frwatch status --json | jq .workers
        """,
    ),
    "demo": (
        "deploy.demo.command:demo",
        """Play a statewide scenario and check every event of it.

        Exit status 1 if one event is lost or counted twice.

            frwatch demo --keep
        """,
    ),
    "worker": (
        "streams.command:worker",
        """Classify, judge and store searches until told to stop.

        Start several to share the partitions. SIGTERM and SIGINT stop one within 10 s: what was judged is
        stored, the rest is another worker's. It ends with status 3 where Kafka, ClickHouse or the registry
        is not there, and with 1 where it cannot go on.

            FRWATCH_KAFKA=kafka.example:9092 FRWATCH_CLICKHOUSE=http://ch.example:8123 frwatch worker
        """,
    ),
    "policy lint": (
        "streams.policy_command:lint_command",
        """Say every fault of policies, with file, line, column and remedy.

        Exit status 1 if there is one.

            frwatch policy lint my-policies/ --json
        """,
    ),
    "policy test": (
        "streams.policy_command:run_tests_command",
        """Run the tests that stand in policies: what they expect against what is found.

        Exit status 1 if one fails.

            frwatch policy test deploy/policies deploy/policies/pack
        """,
    ),
    "policy list": (
        "streams.policy_command:list_command",
        """List the policies in force, or what was published (--history).

            frwatch policy list --history
        """,
    ),
    "policy show": (
        "streams.policy_command:show_command",
        """Show a policy in force: whom it binds, since when, and what each rule says.

            frwatch policy show lapd-fr
        """,
    ),
    "policy diff": (
        "streams.diff_command:diff_command",
        """Say which findings would appear, vanish or change if other policies had been in force.

        Run over the stored searches; nothing is written and nobody is alerted.

            frwatch policy diff in-force my-policies/ --since 2020-01-01 --until 2021-01-01
        """,
    ),
    "policy publish": (
        "streams.policy_command:publish_command",
        """Put policies in force in every worker, within seconds and without a restart.

        They are linted and tested first; where a test fails nothing is written and the exit status is 1.

            frwatch policy publish my-policies/ --dry-run
        """,
    ),
    "catalogue lint": (
        "streams.catalogue_command:lint_command",
        """Say every fault of the catalogue of services, with file, line, column and remedy.

        Exit status 1 if there is one.

            frwatch catalogue lint my-catalogue/ --json
        """,
    ),
    "catalogue explain": (
        "streams.catalogue_command:explain_command",
        """Say which service a host, URL or name stands for and why, or what is nearest to it.

        Exit status 1 where it stands for none.

            frwatch catalogue explain https://app.clearview.ai/help
        """,
    ),
    "dlq list": (
        "streams.dlq_command:list_command",
        """List the dead letters, records that could not be stored, with their reasons.

            frwatch dlq list --reason damaged --since 2026-11-01 --json
        """,
    ),
    "dlq show": (
        "streams.dlq_command:show_command",
        """Show a dead letter: why it is one, and the record as it came.

            frwatch dlq show fr.searches/3/1234 --save value.avro
        """,
    ),
    "dlq redrive": (
        "streams.dlq_command:redrive_command",
        """Send dead letters through the whole pipeline again; each only once.

            frwatch dlq redrive --reason unknown_schema --since 2026-11-01 --dry-run
        """,
    ),
    "import zeek": (
        "streams.inputs.importers.command:zeek_command",
        """Import Zeek's ssl, http and dns logs, TSV or JSON, plain, gzip or zstd.

            frwatch import zeek ssl.log dns.log.gz --source lapd-egress-2 --identities who.yaml
        """,
    ),
    "import squid": (
        "streams.inputs.importers.command:squid_command",
        """Import Squid's native access log, plain, gzip or zstd.

            frwatch import squid /var/log/squid/access.log --follow --agency lapd
        """,
    ),
    "import umbrella": (
        "streams.inputs.importers.command:umbrella_command",
        """Import Cisco Umbrella's DNS log, CSV of 13 or 10 columns.

            frwatch import umbrella 2026-04-10-*.csv.gz --agency lapd
        """,
    ),
    "import csv": (
        "streams.inputs.importers.command:csv_command",
        """Import an export as CSV or NDJSON, by a mapping of its columns.

            frwatch import csv audit.csv --mapping flock-audit --malformed bad.jsonl
        """,
    ),
    "alerts run": (
        "streams.alerts_command:run_command",
        """Tell the people who must know of violations, until told to stop.

        FRWATCH_ALERTS names the routes. Start several: one is active, the others stand by.

            FRWATCH_ALERTS=my-alerts/ frwatch alerts run
        """,
    ),
    "alerts lint": (
        "streams.alerts_command:lint_command",
        """Say every fault of alert routes, with file, line, column and remedy.

        Exit status 1 if there is one.

            frwatch alerts lint my-alerts/ --json
        """,
    ),
    "alerts list": (
        "streams.alerts_command:list_command",
        """List alerts: what came of each at every destination, and who has it.

            frwatch alerts list --open --since 2026-11-01
        """,
    ),
    "alerts retry": (
        "streams.alerts_command:retry_command",
        """Send alerts again that were given up, or that wait for their next attempt.

            frwatch alerts retry --destination oversight
        """,
    ),
    "alerts test": (
        "streams.alerts_command:try_command",
        """Send a test to a destination, and say what came of it.

        Exit status 1 if it was not delivered.

            frwatch alerts test oversight
        """,
    ),
    "alerts ack": (
        "streams.alerts_command:ack_command",
        """Say that somebody has taken an alert on: it is escalated no further.

            frwatch alerts ack 6f1c7a52-… --by "Lt. Ruiz" --note "suspended the account"
        """,
    ),
    "alerts canary-key": (
        "streams.canary_command:canary_key_command",
        """Print the key with which a client, or the collector, signs canaries.

            FRWATCH_CANARY_KEY=$(frwatch alerts canary-key emit/lacris-web)
        """,
    ),
    "alerts canary": (
        "streams.alerts_command:canary_command",
        """Send a search that nobody ran, to see that it comes through.

            frwatch alerts canary lacris-web && frwatch status
        """,
    ),
    "emit": (
        "streams.inputs.emitter.command:emit_command",
        """Report searches or outcomes, kept on disk until Kafka has them; print their ids.

        Exit status 1 if one was refused, with the field and what to do.

            frwatch emit --source lacris-web --agency-id lapd --officer-id P12345 --probe still.jpg

            frwatch emit searches.ndjson --json    # or --stdin; --outcome for outcomes

            frwatch emit --status                  # what waits on disk; --drain sends it

            frwatch emit --canary --source lacris-web    # a search that nobody ran: does it come through?
        """,
    ),
    "report": (
        "sinks.reports.command:report",
        """Print a report that a statute, a board or the public asks for.

        accountability, detroit, lapd, maryland, massachusetts, transparency, utah, virginia or washington.
        The same data give the same bytes each time.

            frwatch report maryland --from 2020-01-01 --to 2021-01-01 --format html --output 2020.html
        """,
    ),
    "collect key": (
        "streams.inputs.collector.command:key_command",
        """Make a key for a client of the collector; it is shown once and stored nowhere.

            frwatch collect key lacris-web
        """,
    ),
    "collect lint": (
        "streams.inputs.collector.command:lint_command",
        """Say every fault of the collector's clients, with file, line, column and remedy.

        Exit status 1 if there is one.

            frwatch collect lint my-clients.yaml --json
        """,
    ),
    "sql": (
        "sinks.console.command:sql",
        """Ask ClickHouse in SQL: a prompt, one statement, a file, or a question of the query book.

        Statements that change data are refused, unless --write allows them. Exit status 2 if ClickHouse
        refuses the text, with code and place.

            frwatch sql

            frwatch sql --list && frwatch sql --book commercial_people --param agency=lapd

            frwatch sql "SELECT * FROM violations" --format parquet --output violations.parquet
        """,
    ),
    "retention lint": (
        "streams.retention_command:lint_command",
        """Say every fault of retention terms, with file, line, column and remedy.

        Exit status 1 if there is one.

            frwatch retention lint my-retention.yaml --json
        """,
    ),
    "retention plan": (
        "streams.retention_command:plan_command",
        """Say what would be removed now, by agency, evidence and month; nothing is.

            FRWATCH_RETENTION=my-retention.yaml frwatch retention plan
        """,
    ),
    "retention apply": (
        "streams.retention_command:apply_command",
        """Remove what has been kept for long enough, and all that belongs to it.

        A legal hold is looked up as rows go. Cut off, it is run again.

            FRWATCH_RETENTION=my-retention.yaml frwatch retention apply --by "records officer S4711"
        """,
    ),
    "hold add": (
        "streams.hold_command:add_command",
        """Put a case on legal hold: nothing of it is removed or expunged.

            frwatch hold add 20-004711 --agency lapd --by S4711 --reason "Superior Court, order 26-77"
        """,
    ),
    "hold list": (
        "streams.hold_command:list_command",
        """List the legal holds in force, or all that there were (--all).

            frwatch hold list --agency lapd --all --json
        """,
    ),
    "hold release": (
        "streams.hold_command:release_command",
        """Release a legal hold; another on the same case stays.

            frwatch hold release 6f1c7a52-… --by S4711 --reason "order 26-77 vacated"
        """,
    ),
    "expunge": (
        "streams.expunge_command:expunge_command",
        """Erase what names a case or a person, on a court's order; what is counted stays.

        It leaves a tombstone: that, when and on whose authority. A legal hold comes first (exit status 1).

            frwatch expunge --case 20-004711 --agency lapd --by S4711 --order "Superior Court, 26-77"

            frwatch expunge --again --by S4711     # what has come since; run it daily
        """,
    ),
    "migrate": (
        "sinks.clickhouse.command:migrate",
        """Bring the tables of database frwatch up to this version.

        Safe to run again; a database that a newer frwatch has migrated is refused.

            FRWATCH_CLICKHOUSE=https://writer:secret@ch.example:8443 frwatch migrate --json
        """,
    ),
    "reveal": (
        "streams.reveal_command:reveal_command",
        """Say which person a pseudonym stands for; who asks and why is written down first.

        Takes the key, a reason and a case number; --audit lists who asked.

            frwatch reveal 9f86d081… --reason "complaint 26-114" --case-number IA-26-114 --roster officers.csv
        """,
    ),
    "roles": (
        "deploy.roles_command:roles_command",
        """Print who sees what, as SQL for a ClickHouse server: roles, row policies, limits.

        Nothing is run. With --agency the role of that agency alone.

            frwatch roles | clickhouse-client --user admin --multiquery
        """,
    ),
}


GROUPS = {
    "collect": """Take in events over HTTP, from clients in any language, until told to stop.

    FRWATCH_COLLECT_CLIENTS names the file of who may report for which agencies. It listens on
    127.0.0.1:8480; FRWATCH_COLLECT_LISTEN says otherwise, and beyond loopback it wants TLS
    (FRWATCH_COLLECT_CERT and _CERT_KEY; with _CLIENT_CA clients may show a certificate). /docs on it says
    how to report. SIGTERM ends it within 10 s: what was taken is answered. SIGHUP reads the clients again.

        FRWATCH_COLLECT_CLIENTS=clients.yaml frwatch collect
    """,
    "policy": "What is forbidden to whom and since when: write it, prove it, put it in force.",
    "dlq": "Records that could not be stored, each with its reason and its bytes.",
    "import": "Logs of clients that nobody will change, and exports, as signs of use.",
    "alerts": "Who is told of violations, what became of it, and who has taken it on.",
    "retention": "How long events are kept: what would go, and its removal.",
    "hold": "Cases of which nothing may be removed, who said so and why.",
    "catalogue": "Which services there are, who operates each, and how they are known.",
}
