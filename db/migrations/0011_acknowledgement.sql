-- Written by hand: the function has an argument more.
DROP FUNCTION IF EXISTS vault.acknowledge_break_glass(text, vault.principal_source, text, text, uuid);
