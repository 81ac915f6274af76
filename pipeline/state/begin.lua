-- Sets the begin record of a batch, unless one stands.
--
-- KEYS[1] marker, KEYS[2] journal; ARGV[1] to ARGV[5] as in marker.lua,
-- ARGV[6] bounds, ARGV[7] facts.
-- Returns {'OK'}, or {'STANDS', journal...} when a record of the batch stands.
local refusal, last, standing = home()
if refusal then return refusal end
if standing[1] == ARGV[5] then return stands(standing, 'STANDS') end
if tonumber(ARGV[5]) == last.number then -- the begin record of the next stands
  return {'FENCED', 'number', standing[1] or ''}
end
-- HSET comes first: a Redis that is full refuses only a script's first write.
call('HSET', KEYS[2], 'number', ARGV[5], 'bounds', ARGV[6], 'facts', ARGV[7])
call('HDEL', KEYS[2], 'record', 'encoder')
return {'OK'}
