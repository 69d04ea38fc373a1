-- The content of an audit row in one unambiguous form: netstrings, `length:bytes,` for each column in order, `-,` for a
-- token that is null, and the detail at the end if there is one. lib/audit/chain.ts builds the same bytes to verify the
-- chain.
CREATE OR REPLACE FUNCTION vault.audit_content(entry vault.reveal_audit) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(
    coalesce(convert_to(octet_length(field)::text || ':', 'UTF8') || field || ','::bytea, '-,'::bytea),
    ''::bytea ORDER BY position
  )
  FROM unnest(ARRAY[
    convert_to(entry.id::text, 'UTF8'),
    convert_to((extract(epoch FROM entry.at) * 1000000)::bigint::text, 'UTF8'),
    convert_to(entry.action::text, 'UTF8'),
    convert_to(entry.request_id, 'UTF8'),
    convert_to(entry.principal, 'UTF8'),
    convert_to(entry.principal_source::text, 'UTF8'),
    convert_to(entry.reason, 'UTF8'),
    convert_to(entry.token, 'UTF8'),
    convert_to(entry.outcome, 'UTF8'),
    entry.previous_hash,
    convert_to(entry.detail, 'UTF8')
  ]) WITH ORDINALITY AS fields (field, position)
  WHERE position <= 10 OR field IS NOT NULL;
$$;
