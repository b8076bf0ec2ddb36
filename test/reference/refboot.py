"""Starts the Open edX event bus, the reference, outside a Django project."""

import django
from django.conf import settings


def boot(**overrides):
    """Sets Django up with the reference's apps; overrides are Django settings. Returns the reference's signal class."""
    settings.configure(
        SECRET_KEY="not-a-secret",
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["edx_event_bus_redis", "edx_event_bus_kafka", "openedx_events"],
        EVENTS_SERVICE_NAME="reference",
        EVENT_BUS_PRODUCER_CONFIG={},
        EVENT_BUS_REDIS_CONSUMER_POLL_TIMEOUT=1,  # seconds
        OPENEDX_TELEMETRY=[],
        **overrides,
    )
    django.setup()
    from openedx_events.tooling import OpenEdxPublicSignal, load_all_signals

    load_all_signals()
    return OpenEdxPublicSignal
