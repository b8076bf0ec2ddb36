"""Starts the reference, the Open edX event bus in Python, outside a Django project."""

import django
from django.conf import settings


def boot(**overrides):
    """Sets up Django with the apps of the reference and the given settings. Returns the signal class of the reference."""
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
