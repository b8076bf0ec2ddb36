package signalcast

// Plan is a dry run of SendJSON through this dispatcher. It returns the messages that
// would be published, in the order of topics. It returns none if no route is
// enabled, a switch turns all of them off, or the event came from the bus. Nothing is sent, to receivers either.
func (d *Dispatcher) Plan(eventType string, data []byte, opts ...SendOption) ([]*Message, error) {
	e, err := d.registry.named(eventType)
	if err != nil {
		return nil, err
	}
	var meta Metadata
	if err := d.registry.describe(e.def, opts, &meta); err != nil {
		return nil, err
	}
	decoded, err := e.def.decode(e, data)
	if err != nil {
		return nil, err
	}
	table := d.table.Load()
	if table.closed {
		return nil, errDispatcherClosed
	}
	routes := table.serving(e)
	if routes == nil || len(routes.enabled) == 0 || meta.FromEventBus {
		return nil, nil
	}
	slots := make([]slot, len(routes.enabled))
	if err := routes.encode(&publication{}, slots, &meta, decoded); err != nil {
		return nil, err
	}
	messages := make([]*Message, len(slots))
	for i := range slots {
		messages[i] = &slots[i].message
	}
	return messages, nil
}
