-- Claims ids in one slot group: who set one first owns it.
--
-- KEYS[1] marker, then for each claim its bucket {gXX}:c<bucket in base 36>, a
-- hash of field (16 bytes of SHA-256 of the id) to owner (8 bytes of SHA-256 of
-- the topic's incarnation, partition and offset as varints).
-- ARGV[1] to ARGV[5] as in marker.lua, then for each claim field and owner.
-- Returns {'OK', a 1 or 0 for each claim: whether the caller owns it}.
local refusal, last = recorded()
if refusal then return refusal end
refusal = fenced(last) or ordered(last)
if refusal then return refusal end
call('HSET', KEYS[1], ARGV[2], ARGV[5] .. ':' .. ARGV[3] .. ':' .. ARGV[4])
local won = {}
for i = 2, #KEYS do
  local field, owner = ARGV[2 * i + 2], ARGV[2 * i + 3]
  local owned = call('HSETNX', KEYS[i], field, owner) == 1 or call('HGET', KEYS[i], field) == owner
  won[i - 1] = owned and '1' or '0'
end
return {'OK', table.concat(won)}
