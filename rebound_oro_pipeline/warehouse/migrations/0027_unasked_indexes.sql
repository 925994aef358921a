-- Lines and movements are found by their note; no query looks for them by their return line.
drop index ledger.credit_note_lines_return_line;
drop index ledger.inventory_deltas_return_line;
