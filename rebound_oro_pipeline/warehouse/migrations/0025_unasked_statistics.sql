-- No query asks what stands in the documents but by the key of their rows. Sampling them is most of what it costs to analyse
-- these tables, which happens within decisions, too.
alter table outbox.messages alter column payload set statistics 0;
alter table landing.rebound_returns alter column document set statistics 0;
alter table landing.oro_orders alter column document set statistics 0;
alter table landing.oro_products alter column document set statistics 0;
alter table landing.malformed_documents alter column document set statistics 0;
alter table landing.replaced_documents alter column document set statistics 0;
