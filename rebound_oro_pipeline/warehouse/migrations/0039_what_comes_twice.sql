-- ReBound may name its events by the return they are about: then each state of it comes under the same id, and only the
-- same content is the same delivery. A message of OroCommerce may come in two formats; both say no more than that a record
-- changed, which is read then.
drop index inbox.deliveries_by_event;
create unique index deliveries_by_event on inbox.deliveries (source, event_id)
where event_id is not null and source = 'oro';
create unique index deliveries_by_event_and_content on inbox.deliveries (source, event_id, content_hash)
where event_id is not null and source = 'rebound';

-- A note is confirmed with words only where it stood in OroCommerce before this database had sent it; few ever are.
create index messages_confirmed_with_words on outbox.messages (kind, business_key)
where state = 'confirmed' and last_error is not null;
