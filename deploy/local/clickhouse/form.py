"""Forms: a query and parameters that are too long for a URL come as multipart/form-data, a field each."""

from __future__ import annotations

from aiohttp import BodyPartReader, web

from deploy.local.clickhouse.errors import QueryError

_PIECE = 64 << 10


async def read_form(http: web.Request, limit: int) -> dict[str, str]:
    """Return the fields of a form, named as they would be in the URL; nothing where the body is none.

    Raises:
        QueryError: a part is a file (48: external tables are not known here), or all are longer than `limit`
            bytes (62).
    """
    if http.content_type != "multipart/form-data":
        return {}
    fields: dict[str, str] = {}
    room = limit
    async for part in await http.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None or part.filename is not None:
            raise QueryError(48, "External tables are not known to the local ClickHouse", "NOT_IMPLEMENTED")
        text = bytearray()
        while piece := await part.read_chunk(_PIECE):
            room -= len(piece)
            if room < 0:
                raise QueryError(62, f"Syntax error: a form of more than {limit:,} bytes", "SYNTAX_ERROR")
            text += piece
        fields[part.name] = text.decode()
    return fields
