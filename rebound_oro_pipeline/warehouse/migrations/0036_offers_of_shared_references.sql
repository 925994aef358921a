-- An order whose reference means other orders too, or another one, is withdrawn: a return that names it would not be found
-- to be of this order. Those that were are looked at every time, until they have a reference of their own.
alter table ledger.offers drop constraint offers_reason_check;
alter table ledger.offers add constraint offers_reason_check
check (reason in ('order_cancelled', 'not_confirmed', 'not_dispatched', 'reference_shared'));
create index offers_reference_shared on ledger.offers (order_id) where reason = 'reference_shared';
-- What is shared already is found by looking at every order once, as after a change of the policy.
delete from ledger.offer_progress;
