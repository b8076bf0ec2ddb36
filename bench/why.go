package main

// What keeps the figures from where they shall be.
const (
	whyWhole       = ""
	whyTopics      = ""
	whyTopicAllocs = ""
	whyAvro        = ""
	whyHamba       = ""
	whyFranz       = ""
	whyKafkaSync   = ""
	whyOneCaller   = ""
	whyRedis       = ""
	whyConfig      = ""
	whyReference   = ""
	whyGrowth      = ""
	whyMemory      = ""
)
