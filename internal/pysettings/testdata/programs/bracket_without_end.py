EVENT_BUS_PRODUCER_CONFIG = {'a.b': {'t': {'enabled': True}}

B = 1
