EVENT_BUS_PRODUCER_CONFIG = {
    'org.example.order.placed.v1': [
        {'topic': 'orders', 'event_key_field': 'order.id', 'enabled': True},
        {'topic': 'audit', 'event_key_field': 'order.id', 'enabled': False},
        {'enabled': True, 'topic': 'orders', 'event_key_field': 'order.id'},
    ],
    'org.example.order.shipped.v1': (
        {'topic': 'orders', 'event_key_field': 'order.id', 'enabled': True},
        {'topic': 'orders', 'event_key_field': 'order.id', 'enabled': False},
        {'event_key_field': 'order.id'},
        {'topic': TOPIC, 'event_key_field': 'order.id'},
        {'topic': 5},
        *MORE,
    ),
}
