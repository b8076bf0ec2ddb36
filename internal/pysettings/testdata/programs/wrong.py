EVENT_BUS_PRODUCER_CONFIG = {
    'org.example.order.placed.v1': {
        'orders': {'event_key_field': 5, 'enabled': 1, 'enabeld': True},
        'orders': {'enabled': True},
        '': {},
        7: {},
        'text': 'x',
    },
    'org.example.order.shipped.v1': None,
    'org.example.order.sent.v1': [5, {'enabled': True}],
}
EVENT_BUS_PRODUCER_CONFIG['a']['b']['c']['d'] = True
EVENT_BUS_PRODUCER_CONFIG.update(['x'])
EVENT_BUS_PRODUCER_CONFIG['org.example.order.placed.v1']['orders'] += 1
