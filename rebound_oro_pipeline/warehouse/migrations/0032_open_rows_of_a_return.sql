-- A return that is dated anew leaves the window where its open rows lie; they are found by the return.
create index quarantine_return on ledger.quarantine (return_id) where resolved_at is null;
create index holds_return on ledger.holds (return_id) where resolved_at is null;

-- What could not be read lies where the version of it lies that could.
update landing.malformed_documents as documents
set registered_at = returns.registered_at
from landing.rebound_returns as returns
where
    documents.source_system = 'rebound'
    and documents.resource = 'returns'
    and documents.document_id = returns.return_id
    and documents.registered_at <> returns.registered_at;
