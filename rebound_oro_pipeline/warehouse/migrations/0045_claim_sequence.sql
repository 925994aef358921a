-- The sequence in which lines claim decides who gets the last unit, so the ledger tells it; and a whole number is found sooner
-- than two texts.
alter table ledger.claims add column line_number integer;
comment on column ledger.claims.line_number is
'Number of the return line among those of its decision, in the sequence in which they claim; null in what versions before this column decided.';
