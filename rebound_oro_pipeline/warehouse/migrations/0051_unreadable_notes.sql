-- A note that OroCommerce lists and cannot give is told of, and the others are compared all the same.
alter table reconciliation.oro_credit_notes
drop constraint oro_credit_notes_differs_in_check,
add constraint oro_credit_notes_differs_in_check check (differs_in in ('order', 'amounts', 'lines', 'reading'));
comment on column reconciliation.oro_credit_notes.differs_in is
'The gravest part in which it is not the note that was decided, or reading: that cannot be said, because it could not be '
'read; null: it is the same, or nobody here decided it.';
