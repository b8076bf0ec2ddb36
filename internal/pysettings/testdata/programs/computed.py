from .common import EVENT_BUS_PRODUCER_CONFIG
EVENT_BUS_PRODUCER_CONFIG = {
    'org.example.order.placed.v1': {
        'orders': {'event_key_field': 'order.id', 'enabled': Derived(should_send, {'a': [1, 2]})},
        f'{ENV}-audit': {'event_key_field': 'order.id', 'enabled': False},
        TOPIC: {'enabled': True},
        'kept': {'event_key_field': 'order.id', 'enabled': not DEBUG},
        'chosen': {'event_key_field': 'order.' + FIELD, 'enabled': True if DEBUG else False},
        'lambda': {'enabled': lambda settings: settings.ENABLED, **DEFAULTS},
        **MORE_TOPICS,
    },
    **{'org.example.order.paid.v1': {}},
    'org.example.order.shipped.v1': {name: {'enabled': True} for name in TOPICS},
    'org.example.order.sent.v1': [{'topic': t} for t in TOPICS],
    'org.example.set.v1': {'a', 'b'},
    b'org.example.bytes.v1': {},
}
if os.environ.get("SEND"):
    EVENT_BUS_PRODUCER_CONFIG['org.example.order.placed.v1']['orders']['enabled'] = True
if DEBUG: EVENT_BUS_PRODUCER_CONFIG.update({})
EVENT_BUS_PRODUCER_CONFIG['org.example.order.placed.v1'][TOPIC]['enabled'] = True
EVENT_BUS_PRODUCER_CONFIG['org.example.order.placed.v1']['orders']['event_key_field'] = os.environ['KEY']
EVENT_BUS_PRODUCER_CONFIG.setdefault('org.example.order.placed.v1', {})
EVENT_BUS_PRODUCER_CONFIG.update(**OTHERS)
EVENT_BUS_PRODUCER_CONFIG.update(a={}, b={})
EVENT_BUS_PRODUCER_CONFIG = merge_producer_configs(EVENT_BUS_PRODUCER_CONFIG, {'a': {}})
del EVENT_BUS_PRODUCER_CONFIG['org.example.order.placed.v1']
settings.EVENT_BUS_PRODUCER_CONFIG = {}
derived_collection_entry('EVENT_BUS_PRODUCER_CONFIG', 'org.example.order.placed.v1', 'orders', 'enabled')
