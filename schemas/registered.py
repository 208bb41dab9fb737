"""Contracts as a registry knows them, for whoever writes a few events and ends."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.settings import Settings


async def register_once(settings: Settings, names: Iterable[str]) -> dict[str, int]:
    """Register contracts as `Registry.register_values` does; none has an id where no registry is configured.

    Raises:
        RegistryAway: the registry does not answer, or refuses.
    """
    if settings.schema_registry is None:
        return {}
    # A registry's client takes half a second to load, which a command that has no registry need not wait for.
    from schemas.registry import Registry

    registry = Registry(settings.schema_registry)
    try:
        return await registry.register_values(settings, names)
    finally:
        await registry.close()
