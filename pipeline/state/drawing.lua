-- Makes sure, before a batch draws on budgets, that its begin record stands.
--
-- KEYS[1] marker, KEYS[2] journal; ARGV[1] to ARGV[5] as in marker.lua.
-- Returns {'OK'}, or {'UNBEGUN'} when there is no begin record.
local refusal, last, standing = home()
if refusal then return refusal end
if tonumber(ARGV[5]) == last.number then -- filled: its draws were made
  return {'FENCED', 'number', standing[1] or ''}
end
if standing[1] ~= ARGV[5] then return {'UNBEGUN'} end
return {'OK'}
