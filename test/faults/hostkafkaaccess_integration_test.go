//go:build integration

package faults_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/test/hosts"
)

// The users of hostKafkaAccess, and the password of both. The sender may write the topics of the test, and the reader may read them.
const (
	sender, reader = "sender", "reader"
	userPassword   = "first-password"
)

// hostKafkaAccess is a broker that requires a right for each topic. It has two listeners that require a password. Sessions of the first
// listener do not end. Those of the second end after two seconds, unless the client authenticates again.
type hostKafkaAccess struct {
	*hostKafka

	admin                       *kadm.Client
	longSessions, shortSessions string // the addresses of the listeners
	// writing and reading are the configurations of the backend and the consumer in the next scenario.
	writing, reading kafkaconfig.Config
}

func newHostKafkaAccess(t *testing.T, n *hosts.Network) *hostKafkaAccess {
	t.Helper()
	c := &hostKafkaAccess{}
	const jaas = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	c.hostKafka = newHostBroker(t, n, "rights", nil, func(addr string) []string {
		c.longSessions, c.shortSessions = addr+":9094", addr+":9095"
		listeners := "PLAINTEXT://" + addr + ":9092,LONG://" + c.longSessions + ",SHORT://" + c.shortSessions
		return []string{
			"listeners=" + listeners + ",CONTROLLER://127.0.0.1:9093", "advertised.listeners=" + listeners,
			"listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,LONG:SASL_PLAINTEXT,SHORT:SASL_PLAINTEXT",
			"sasl.enabled.mechanisms=SCRAM-SHA-256",
			"listener.name.long.scram-sha-256.sasl.jaas.config=" + jaas, "listener.name.short.scram-sha-256.sasl.jaas.config=" + jaas,
			"listener.name.short.scram-sha-256.connections.max.reauth.ms=2000",
			"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users=User:ANONYMOUS",
		}
	})
	c.admin = kadm.NewClient(c.hostKafka.admin)
	require.NoError(t, c.setPassword(sender, userPassword))
	require.NoError(t, c.setPassword(reader, userPassword))
	require.NoError(t, c.grant(kadm.NewACLs().Groups("*").Allow("User:"+reader).AllowHosts().Operations(kadm.OpRead)))
	c.writing = c.config(t)
	c.writing.SASLMechanism, c.writing.SASLUsername, c.writing.SASLPassword = kafkaconfig.ScramSHA256, sender, userPassword
	return c
}

func (c *hostKafkaAccess) setPassword(user, password string) error {
	changed, err := c.admin.AlterUserSCRAMs(context.Background(), nil, []kadm.UpsertSCRAM{{
		User: user, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: password,
	}})
	if err == nil {
		err = changed.Error()
	}
	return err
}

func (c *hostKafkaAccess) grant(rule *kadm.ACLBuilder) error {
	created, err := c.admin.CreateACLs(context.Background(), rule.ResourcePatternType(kadm.ACLPatternLiteral))
	for _, one := range created {
		if err == nil {
			err = one.Err
		}
	}
	return err
}

func (c *hostKafkaAccess) withdraw(rule *kadm.ACLBuilder) error {
	deleted, err := c.admin.DeleteACLs(context.Background(), rule.ResourcePatternType(kadm.ACLPatternLiteral))
	for _, one := range deleted {
		if err == nil {
			err = one.Err
		}
	}
	return err
}

func mayWrite(topic string) *kadm.ACLBuilder {
	return kadm.NewACLs().Topics(topic).Allow("User:" + sender).AllowHosts().Operations(kadm.OpWrite)
}

func mayRead(topic string) *kadm.ACLBuilder {
	return kadm.NewACLs().Topics(topic).Allow("User:" + reader).AllowHosts().Operations(kadm.OpRead)
}

// prepare returns a function that creates a topic and grants the rights to it. The backend and the consumer then connect to listener.
func (c *hostKafkaAccess) prepare(listener string) func(topic string) error {
	return func(topic string) error {
		c.writing.Brokers = []string{listener}
		c.reading = c.writing
		c.reading.SASLUsername = reader
		if err := c.createUnreplicated(topic); err != nil {
			return err
		}
		if err := c.grant(mayWrite(topic)); err != nil {
			return err
		}
		if err := c.grant(mayRead(topic)); err != nil {
			return err
		}
		return errors.Join(awaitRights(c.writing, topic), awaitRights(c.reading, topic))
	}
}

// awaitRights waits until a user may use a topic. The broker applies new rights later than the controller.
func awaitRights(config kafkaconfig.Config, topic string) error {
	auth := scram.Auth{User: config.SASLUsername, Pass: config.SASLPassword}
	client, err := kgo.NewClient(kgo.SeedBrokers(config.Brokers...), kgo.DisableClientMetrics(), kgo.SASL(auth.AsSha256Mechanism()))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		topics, err := kadm.NewClient(client).ListTopics(ctx, topic)
		if err == nil && topics[topic].Err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for the rights of %s: %w", config.SASLUsername, cmp.Or(err, ctx.Err()))
		}
		<-time.After(50 * time.Millisecond)
	}
}

// startHostKafkaAccess starts a broker whose users and rights change while events are sent.
func startHostKafkaAccess(t *testing.T, n *hosts.Network) ([]hostTarget, []hostScenario) {
	t.Helper()
	c := newHostKafkaAccess(t, n)
	withdrawn := func(rule func(topic string) *kadm.ACLBuilder) func(string) error {
		return func(topic string) error {
			return during(thirdIfShort(3*time.Second), func() error { return c.withdraw(rule(topic)) }, func() error { return c.grant(rule(topic)) })
		}
	}
	setTo := func(password string) func() error { return func() error { return c.setPassword(sender, password) } }
	return c.bothTargets(&c.writing, &c.reading), []hostScenario{{
		name: "write denied", fault: "the right to write the topic withdrawn for 3 s", load: thirdIfShort(12 * time.Second), denies: true, unknown: true, short: true,
		before: c.prepare(c.longSessions), inject: withdrawn(mayWrite),
	}, {
		name: "read denied", fault: "the consumer's right to read the topic withdrawn for 3 s", load: 8 * time.Second,
		before: c.prepare(c.longSessions), inject: withdrawn(mayRead),
	}, {
		name: "sessions", fault: "clients have to authenticate again every 2 s (`connections.max.reauth.ms`), for 9 s", load: 12 * time.Second,
		before: c.prepare(c.shortSessions), inject: func(string) error {
			<-time.After(9 * time.Second)
			return nil
		},
	}, {
		name: "password", fault: "sessions of 2 s, the sender's password changed, and changed back after 5 s", load: 12 * time.Second, denies: true, unknown: true,
		before: c.prepare(c.shortSessions), inject: func(string) error {
			return during(5*time.Second, setTo("second-password"), setTo(userPassword))
		},
	}}
}
