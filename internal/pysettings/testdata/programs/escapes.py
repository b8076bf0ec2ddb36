BULLET = '\N{BULLET}'
HALF = '\ud800'
EVENT_BUS_PRODUCER_CONFIG = {
    'a\x2eb\056c\u002ed\U0000002ee': {'\t\'\"\\\
t': {'enabled': True}, "\N{BULLET}": {}, '\ud800': {}},
    'a.b': {'\q\777': {'event_key_field': '\xé'}},
}
