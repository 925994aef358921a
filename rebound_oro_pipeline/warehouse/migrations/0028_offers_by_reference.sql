-- References of returns compare as "C" does, which the index did not: it served nobody, and each return line that was held
-- against the offers read all of them.
drop index ledger.offers_reference;
create index offers_reference on ledger.offers ((landing.match_key(order_reference)) collate "C");
