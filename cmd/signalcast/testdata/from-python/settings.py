import os

EVENT_BUS_PRODUCER = 'edx_event_bus_redis.create_producer'
EVENT_BUS_TOPIC_PREFIX = 'dev'

def send_certificates(settings):
    return settings.FEATURES['SEND_CERTIFICATES']

EVENT_BUS_PRODUCER_CONFIG = {
    'org.openedx.learning.course.enrollment.created.v1': {
        'course-enrollments': {
            'event_key_field': 'enrollment.course.course_key',
            'enabled': False,
        },
        # No consumer needs an order of these.
        'audit': {'event_key_field': '', 'enabled': True},
    },
    'org.openedx.learning.certificate.created.v1': {
        'learning-certificate-lifecycle': {
            'event_key_field': 'certificate.course.course_key',
            'enabled': Derived(send_certificates),
        },
    },
}
EVENT_BUS_PRODUCER_CONFIG['org.openedx.learning.course.enrollment.created.v1']['course-enrollments']['enabled'] = True
EVENT_BUS_PRODUCER_CONFIG.update({
    'org.openedx.learning.course.enrollment.changed.v1': {
        'course-enrollments': {'event_key_field': 'enrollment.course_key', 'enabled': True},
    },
})
