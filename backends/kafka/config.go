package kafka

import "github.com/signalcast/signalcast/backends/kafkaconfig"

// Config configures a [Backend]. It is the same type for both Kafka backends;
// package kafkaconfig documents its fields, its errors and FromEnv.
type Config = kafkaconfig.Config
