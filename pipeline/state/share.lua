-- Sets fields that other partitions read, in one slot group, once by batch.
--
-- KEYS[1] marker, then for each field its hash {gXX}:s:<key>.
-- ARGV[1] to ARGV[5] as in marker.lua, then for each field its name and a plus
-- sign with the value, or a minus sign to remove it.
-- Returns {'OK'}, also when the batch has been applied here before.
local refusal, last = recorded()
if refusal then return refusal end
refusal = fenced(last) or ordered(last)
if refusal then return refusal end
call('HSET', KEYS[1], ARGV[2], ARGV[5] .. ':' .. ARGV[3] .. ':' .. ARGV[4])
if tonumber(ARGV[5]) == last.number then return {'OK'} end
for i = 2, #KEYS do
  local field, value = ARGV[2 * i + 2], ARGV[2 * i + 3]
  if string.byte(value) == 43 then
    call('HSET', KEYS[i], field, string.sub(value, 2))
  else
    call('HDEL', KEYS[i], field)
  end
end
return {'OK'}
