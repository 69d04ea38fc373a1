-- What the digest of an open request is made of, for its approver; no row where there is no such request.
CREATE OR REPLACE FUNCTION vault.requested_tokens(item uuid) RETURNS TABLE (stage text, expires_us text, tokens text[])
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT rule.stage, (extract(epoch FROM asked.expires_at) * 1000000)::bigint::text, asked.tokens
  FROM vault.reveal_requests AS asked CROSS JOIN vault.approval_rule AS rule
  WHERE asked.id = item AND vault.is_open(asked);
$$;
