-- Journals what was decided and writes the partition's own memory with it.
--
-- KEYS[1] marker, KEYS[2] journal, then the keys to delete, to set and to
-- append to, and the queues to leave and to join, in this order, which is also
-- the order of the writes. A queue stands there once for every few members.
-- ARGV[1] to ARGV[5] as in marker.lua, ARGV[6] bounds, ARGV[7] facts,
-- ARGV[8] record, ARGV[9] encoder, ARGV[10] how many are deleted, ARGV[11] how
-- many are set, ARGV[12] appended, ARGV[13] how many keys are of queues to leave;
-- then the values to set and to append, then for each queue how many arguments
-- follow and these: members, or ranks and members in turn.
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
local begun = standing[1] == ARGV[5]
if begun and standing[2] ~= ARGV[6] then return {'FENCED', 'begin', standing[1]} end
-- HSET comes first: a Redis that is full refuses only a script's first write.
call('HSET', KEYS[2], 'number', ARGV[5], 'bounds', ARGV[6], 'facts', begun and standing[3] or ARGV[7], 'record', ARGV[8], 'encoder', ARGV[9])
call('HSET', KEYS[1], ARGV[2], ARGV[5] .. ':' .. ARGV[3] .. ':' .. ARGV[4] .. ':' .. last.alias)

local deletes, sets = tonumber(ARGV[10]), tonumber(ARGV[11])
local setsFrom = 2 + deletes
local appendsFrom = setsFrom + sets
local leavesFrom = appendsFrom + tonumber(ARGV[12])
local joinsFrom = leavesFrom + tonumber(ARGV[13])
local toValue = 13 - setsFrom
local chunk = 500 -- keys of one command: what unpack can do is bounded
for from = 3, setsFrom, chunk do
  call('DEL', unpack(KEYS, from, math.min(from + chunk - 1, setsFrom)))
end
for from = setsFrom + 1, appendsFrom, chunk do
  local pairs = {}
  for i = from, math.min(from + chunk - 1, appendsFrom) do
    pairs[#pairs + 1] = KEYS[i]
    pairs[#pairs + 1] = ARGV[i + toValue]
  end
  call('MSET', unpack(pairs))
end
for i = appendsFrom + 1, leavesFrom do call('APPEND', KEYS[i], ARGV[i + toValue]) end
local at = leavesFrom + toValue + 1
for i = leavesFrom + 1, #KEYS do
  local to = at + tonumber(ARGV[at])
  call(i <= joinsFrom and 'ZREM' or 'ZADD', KEYS[i], unpack(ARGV, at + 1, to))
  at = to + 1
end
return {'OK'}
