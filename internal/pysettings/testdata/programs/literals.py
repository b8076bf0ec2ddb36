# -*- coding: utf-8 -*-
"""Settings, with EVENT_BUS_PRODUCER_CONFIG in a text.

EVENT_BUS_PRODUCER_CONFIG = {"not": "this"}
"""
import os

SECRET = 'it\'s "quoted"' "and joined"  # EVENT_BUS_PRODUCER_CONFIG = {}
PATTERN = r"\d+\"" ; OTHER = {'a': [1, 2, (3,)]}

EVENT_BUS_PRODUCER_CONFIG = {'org.example.replaced.v1': {'gone': {'enabled': True}}}
EVENT_BUS_PRODUCER_CONFIG: dict = {
    'org.example.order.placed.v1': {
        "orders": {'event_key_field': 'order.id', 'enabled': True},  # a comment
        'or' 'ders-' "\u0061ud\x69t": {
            'event_key_field': ('order'
                                '.id'),
            'enabled': False,
        },
    },
    'org.example.order.shipped.v1': {},
    r'org.example.\raw\'v1': {'''long
\
topic''': {}},
}

EVENT_BUS_PRODUCER_CONFIG.update({
    'org.example.order.shipped.v1': {'shipped': {'event_key_field': 'order.id', 'enabled': False}},
},)
EVENT_BUS_PRODUCER_CONFIG['org.example.order.shipped.v1']['shipped']['enabled'] = True; DEBUG = False
EVENT_BUS_PRODUCER_CONFIG["org.example.order.placed.v1"]['orders'].update({"keyless": None})
EVENT_BUS_PRODUCER_CONFIG |= {'org.example.order.paid.v1': {'payments': {'keyless': True, 'enabled': True}}}
EVENT_BUS_PRODUCER_CONFIG['org.example.order.sent.v1'] = {}
EVENT_BUS_PRODUCER_CONFIG['org.example.order.sent.v1'] \
    ['sent'] = {'enabled': False}
EVENT_BUS_PRODUCER_CONFIG
