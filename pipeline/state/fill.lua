-- Journals what was decided and writes the partition's own memory with it.
--
-- KEYS[1] marker, KEYS[2] journal, then the keys to delete, to set and to
-- append to, in this order, which is also the order of the writes.
-- ARGV[1] to ARGV[5] as in marker.lua, ARGV[6] bounds, ARGV[7] facts,
-- ARGV[8] record, ARGV[9] encoder, ARGV[10] how many are deleted, ARGV[11] how
-- many are set, then the values to set and to append.
-- Returns {'OK'}, or {'STANDS', journal...} when the batch is filled already, or
-- {'UNCLAIMED', number} when the partition claims ids, but not in this batch.
local refusal, last, standing = home()
if refusal then return refusal end
if standing[4] and standing[1] == ARGV[5] then return stands(standing, 'STANDS') end
if tonumber(ARGV[5]) == last.number then -- the begin record of the next stands
  return {'FENCED', 'number', standing[1] or ''}
end
local claimed = call('HGET', KEYS[1], 'c' .. string.sub(ARGV[2], 2))
if claimed and string.match(claimed, '^%d+') ~= ARGV[5] then
  return {'UNCLAIMED', string.match(claimed, '^%d+')}
end
if standing[1] == ARGV[5] then
  if standing[2] ~= ARGV[6] then return {'FENCED', 'begin', standing[1]} end
  call('HSET', KEYS[2], 'record', ARGV[8], 'encoder', ARGV[9])
else
  call('DEL', KEYS[2])
  call('HSET', KEYS[2], 'number', ARGV[5], 'bounds', ARGV[6], 'facts', ARGV[7], 'record', ARGV[8], 'encoder', ARGV[9])
end
call('HSET', KEYS[1], ARGV[2], ARGV[5] .. ':' .. ARGV[3] .. ':' .. ARGV[4] .. ':' .. last.alias)

local deletes, sets = tonumber(ARGV[10]), tonumber(ARGV[11])
local setsFrom = 2 + deletes
local appendsFrom = setsFrom + sets
local toValue = 11 - setsFrom
for i = 3, setsFrom do call('DEL', KEYS[i]) end
for i = setsFrom + 1, appendsFrom do call('SET', KEYS[i], ARGV[i + toValue]) end
for i = appendsFrom + 1, #KEYS do call('APPEND', KEYS[i], ARGV[i + toValue]) end
return {'OK'}
