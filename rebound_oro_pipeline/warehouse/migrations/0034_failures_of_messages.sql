-- Whether a record is at fault is told by its failures, not by how often it was tried: an outage tries all in vain.
alter table outbox.messages
add column failures integer not null default 0,
add column own_failures integer not null default 0;
comment on table outbox.messages is
'What has to be sent, once in effect. payload holds decimals as strings. attempts counts tries, also those that a limit or the connection stopped; the wait before the next one grows with it. failures counts requests with it that the other system took and did not carry out: after two it is sent alone. own_failures are those of them that carried it alone while others passed: after eight it is rejected. checks counts how often it was read since its fate is unknown. operation_id is the batch that Oro has yet to finish, operation_index the place in it.';
