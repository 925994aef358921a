-- What hangs on a landed document is guarded a statement at a time, like the ledger (0021): the foreign keys looked each row
-- up by itself, which took half of what storing the lines of returns cost (docs/performance.md). What is refused, and what
-- goes along with a document, stays the same. Unlike the ledger's rows documents may be deleted; then rows are kept out first,
-- so that none is added to a document that is going. Components of kits are few, and keep their foreign key.

-- Arguments of the first three: the table with the rows below this one, and the key that both have.
create function landing.keep_rows_out() returns trigger language plpgsql as $$
begin
    execute format('lock table %s in share row exclusive mode', tg_argv[0]);
    return null;
end
$$;

create function landing.delete_rows_below() returns trigger language plpgsql as $$
begin
    execute format('delete from %s where %I in (select %2$I from gone)', tg_argv[0], tg_argv[1]);
    return null;
end
$$;

create function landing.refuse_rows_left() returns trigger language plpgsql as $$
declare
    are_left boolean;
begin
    execute format('select exists (select from %s)', tg_argv[0]) into are_left;
    if are_left then
        raise exception '%.% cannot be emptied without %', tg_table_schema, tg_table_name, tg_argv[0]
            using errcode = 'foreign_key_violation', constraint = tg_name;
    end if;
    return null;
end
$$;

create function landing.refuse_another_key() returns trigger language plpgsql as $$
begin
    raise exception '%.%: the key of what landed never changes', tg_table_schema, tg_table_name
        using errcode = 'foreign_key_violation', constraint = tg_name;
end
$$;

do $$
declare
    tie record;
    documents text;
begin
    for tie in
        select *
        from (
            values
            ('rebound_return_lines', 'rebound_returns', 'return_id'),
            ('oro_order_lines', 'oro_orders', 'order_id'),
            ('oro_order_subtotals', 'oro_orders', 'order_id'),
            ('oro_product_units', 'oro_products', 'product_id')
        ) as ties (below, documents, key)
    loop
        documents := 'landing.' || tie.documents;
        execute format('alter table landing.%I drop constraint %I', tie.below, tie.below || '_' || tie.key || '_fkey');
        execute format(
            'create trigger %I after insert on landing.%I referencing new table as added for each statement '
            'execute function ledger.require_rows(%L, %L, %3$L)',
            tie.below || '_have_a_document', tie.below, '{' || tie.key || '}', documents
        );
        execute format(
            'create trigger %I before update on landing.%I for each row when (old.%I <> new.%3$I) '
            'execute function landing.refuse_another_key()',
            tie.below || '_keep_their_key', tie.below, tie.key
        );
        execute format(
            'create trigger %I before update on %s for each row when (old.%I <> new.%3$I) '
            'execute function landing.refuse_another_key()',
            tie.below || '_keep_their_document', documents, tie.key
        );
        execute format(
            'create trigger %I before delete on %s for each statement '
            'execute function landing.keep_rows_out(%L, %L)',
            tie.below || '_are_kept_out', documents, 'landing.' || tie.below, tie.key
        );
        execute format(
            'create trigger %I after delete on %s referencing old table as gone for each statement '
            'execute function landing.delete_rows_below(%L, %L)',
            tie.below || '_go_along', documents, 'landing.' || tie.below, tie.key
        );
        execute format(
            'create trigger %I after truncate on %s for each statement '
            'execute function landing.refuse_rows_left(%L, %L)',
            tie.below || '_are_left', documents, 'landing.' || tie.below, tie.key
        );
    end loop;
end
$$;
