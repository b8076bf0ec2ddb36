A = 1
EVENT_BUS_PRODUCER_CONFIG = {'a.b': {'t': {'enabled': True}}}
B = 'does not end
C = 2
