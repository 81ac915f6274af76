-- Put before every other script of this folder: the checks of a marker.
--
-- KEYS[1]  {gXX}:marker, a hash:
--            installation                  the installation's id
--            aliases                       how many aliases the group has given out
--            released                      there when claims have been released
--            j/<incarnation>/<partition>   number:era:generation:alias, own memory
--            c/<incarnation>/<partition>   number:era:generation, claims
--            s/<incarnation>/<partition>   number:era:generation, shared fields
-- ARGV[1]  the installation that the caller belongs to
-- ARGV[2]  the field of the caller's partition
-- ARGV[3]  era, ARGV[4] generation: the caller's fence
-- ARGV[5]  the number of the caller's batch
--
-- A refusal is {'FENCED' | 'LOST', what, found}. Nothing has been written then.
local call = redis.call

-- parsed is what a field says of a partition, or false for no field.
local function parsed(field)
  local number, era, generation, alias = string.match(field or '0:0:-1:', '^(%d+):(%d+):(%-?%d+):?(.*)$')
  return {
    known = field ~= false, alias = alias,
    number = tonumber(number), era = tonumber(era), generation = tonumber(generation),
    numberText = number, eraText = era, generationText = generation,
  }
end

-- recorded reads the marker: refusal, or else what the field says, and whether
-- claims have been released.
local function recorded()
  local marker = call('HMGET', KEYS[1], 'installation', ARGV[2], 'released')
  if marker[1] ~= ARGV[1] then
    return {'LOST', 'installation', marker[1] or ''}
  end
  return nil, parsed(marker[2]), marker[3]
end

-- behind compares two fences.
local function behind(era, generation, other)
  return era < other.era or era == other.era and generation < other.generation
end

-- fenced refuses a caller whose fence is older than the one recorded.
local function fenced(last)
  if behind(tonumber(ARGV[3]), tonumber(ARGV[4]), last) then
    return {'FENCED', 'generation', last.eraText .. ':' .. last.generationText}
  end
end

-- ordered refuses a batch that is not the recorded one or the next.
local function ordered(last)
  local number = tonumber(ARGV[5])
  if number < last.number then
    return {'FENCED', 'number', last.numberText}
  elseif number > last.number + 1 then
    return {'LOST', 'number', last.numberText}
  end
end
