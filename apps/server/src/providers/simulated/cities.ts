/** Places that the time zone database lacks, or has under another name. */
const aliases: Record<string, string> = {
  utc: 'UTC',
  gmt: 'UTC',
  'abu dhabi': 'Asia/Dubai',
  ankara: 'Europe/Istanbul',
  austin: 'America/Chicago',
  bangalore: 'Asia/Kolkata',
  barcelona: 'Europe/Madrid',
  beijing: 'Asia/Shanghai',
  boston: 'America/New_York',
  'buenos aires': 'America/Argentina/Buenos_Aires',
  california: 'America/Los_Angeles',
  canberra: 'Australia/Sydney',
  'cape town': 'Africa/Johannesburg',
  china: 'Asia/Shanghai',
  dallas: 'America/Chicago',
  delhi: 'Asia/Kolkata',
  edinburgh: 'Europe/London',
  england: 'Europe/London',
  france: 'Europe/Paris',
  frankfurt: 'Europe/Berlin',
  geneva: 'Europe/Zurich',
  germany: 'Europe/Berlin',
  hamburg: 'Europe/Berlin',
  hanoi: 'Asia/Ho_Chi_Minh',
  'ho chi minh city': 'Asia/Ho_Chi_Minh',
  houston: 'America/Chicago',
  india: 'Asia/Kolkata',
  islamabad: 'Asia/Karachi',
  italy: 'Europe/Rome',
  japan: 'Asia/Tokyo',
  kathmandu: 'Asia/Kathmandu',
  kharkiv: 'Europe/Kyiv',
  kiev: 'Europe/Kyiv',
  kolkata: 'Asia/Kolkata',
  kyiv: 'Europe/Kyiv',
  kyoto: 'Asia/Tokyo',
  'las vegas': 'America/Los_Angeles',
  lviv: 'Europe/Kyiv',
  manchester: 'Europe/London',
  miami: 'America/New_York',
  milan: 'Europe/Rome',
  montreal: 'America/Toronto',
  mumbai: 'Asia/Kolkata',
  munich: 'Europe/Berlin',
  'new delhi': 'Asia/Kolkata',
  odesa: 'Europe/Kyiv',
  osaka: 'Asia/Tokyo',
  ottawa: 'America/Toronto',
  philadelphia: 'America/New_York',
  poland: 'Europe/Warsaw',
  'rio de janeiro': 'America/Sao_Paulo',
  saigon: 'Asia/Ho_Chi_Minh',
  'san diego': 'America/Los_Angeles',
  'san francisco': 'America/Los_Angeles',
  seattle: 'America/Los_Angeles',
  shenzhen: 'Asia/Shanghai',
  spain: 'Europe/Madrid',
  'tel aviv': 'Asia/Jerusalem',
  uk: 'Europe/London',
  ukraine: 'Europe/Kyiv',
  washington: 'America/New_York',
  yangon: 'Asia/Yangon',
}

let zones: Map<string, string> | undefined

/** The IANA time zone of a city, as far as its name implies it. `Europe/Kyiv` is its own zone. */
export function zoneOf(place: string): string | undefined {
  zones ??= new Map([
    ...Intl.supportedValuesOf('timeZone').map((zone) => [keyOf(cityOf(zone)), zone] as const),
    ...Object.entries(aliases),
  ])
  const key = keyOf(place)
  return zones.get(key) ?? (/^[A-Za-z]+\/[A-Za-z_/+-]+$/.test(place) ? place : undefined)
}

/** The common name of a zone: `New York` for `America/New_York`. */
export const cityOf = (zone: string) => zone.slice(zone.lastIndexOf('/') + 1).replaceAll('_', ' ')

/** Lower case and without accents: `São Paulo` is `sao paulo`. */
const keyOf = (place: string) => place.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
