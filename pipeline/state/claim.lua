-- Claims ids in one slot group: who set one first owns it. An id may also be
-- asked for without claiming it.
--
-- KEYS[1] marker, KEYS[2] filter, then for each claim its bucket {gXX}:c<bucket in
-- base 36>, a hash of field (16 bytes of SHA-256 of the id) to owner (8 bytes of
-- SHA-256 of the topic's incarnation, partition and offset as varints).
-- ARGV[1] to ARGV[5] as in marker.lua, then for each claim field and owner; one
-- more byte behind the field: only ask.
-- Returns {'OK', a digit for each claim: 1 when the caller owns it, or, when it
-- only asked, could own it; 2 when so, unless the id is an old one; or else 0}.
local refusal, last, released = recorded()
if refusal then return refusal end
refusal = fenced(last) or ordered(last)
if refusal then return refusal end
call('HSET', KEYS[1], ARGV[2], ARGV[5] .. ':' .. ARGV[3] .. ':' .. ARGV[4])
local won = {}
for i = 3, #KEYS do
  local field, owner = ARGV[2 * i], ARGV[2 * i + 1]
  local owned
  if #field > 16 then
    local found = call('HGET', KEYS[i], string.sub(field, 1, 16))
    owned = not found or found == owner
  else
    owned = call('HSETNX', KEYS[i], field, owner) == 1 or call('HGET', KEYS[i], field) == owner
  end
  won[i - 2] = not owned and '0' or released and maybeOld(field) and '2' or '1'
end
return {'OK', table.concat(won)}
