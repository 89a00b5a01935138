/** Where a region is: degrees north and east, and the area by which `fly-replay` may call it. */
export interface Place {
  readonly latitude: number
  readonly longitude: number
  readonly area: 'apac' | 'eu' | 'na' | 'sa' | 'us' | 'elsewhere'
}

/**
 * Fly.io's regions ("Regions" in its docs, 2026), and some that were closed or merged since: settings still name those.
 * A list of its own, not the library's: a judge that shares a table shares its mistakes.
 */
export const places: Readonly<Record<string, Place>> = {
  ams: { latitude: 52.4, longitude: 4.9, area: 'eu' },
  arn: { latitude: 59.3, longitude: 18.1, area: 'eu' },
  atl: { latitude: 33.7, longitude: -84.4, area: 'us' },
  bog: { latitude: 4.7, longitude: -74.1, area: 'sa' },
  bom: { latitude: 19.1, longitude: 72.9, area: 'apac' },
  bos: { latitude: 42.4, longitude: -71.1, area: 'us' },
  cdg: { latitude: 48.9, longitude: 2.4, area: 'eu' },
  den: { latitude: 39.7, longitude: -105, area: 'us' },
  dfw: { latitude: 32.8, longitude: -96.8, area: 'us' },
  ewr: { latitude: 40.8, longitude: -74.1, area: 'us' },
  eze: { latitude: -34.8, longitude: -58.5, area: 'sa' },
  fra: { latitude: 50.1, longitude: 8.7, area: 'eu' },
  gdl: { latitude: 20.7, longitude: -103.3, area: 'na' },
  gig: { latitude: -22.9, longitude: -43.2, area: 'sa' },
  gru: { latitude: -23.5, longitude: -46.6, area: 'sa' },
  hkg: { latitude: 22.3, longitude: 114.2, area: 'apac' },
  iad: { latitude: 39, longitude: -77.5, area: 'us' },
  jnb: { latitude: -26.2, longitude: 28, area: 'elsewhere' },
  lax: { latitude: 34.1, longitude: -118.2, area: 'us' },
  lhr: { latitude: 51.5, longitude: -0.1, area: 'eu' },
  mad: { latitude: 40.4, longitude: -3.7, area: 'eu' },
  mia: { latitude: 25.8, longitude: -80.2, area: 'us' },
  nrt: { latitude: 35.7, longitude: 139.7, area: 'apac' },
  ord: { latitude: 41.9, longitude: -87.6, area: 'us' },
  otp: { latitude: 44.4, longitude: 26.1, area: 'eu' },
  phx: { latitude: 33.4, longitude: -112.1, area: 'us' },
  qro: { latitude: 20.6, longitude: -100.4, area: 'na' },
  scl: { latitude: -33.4, longitude: -70.7, area: 'sa' },
  sea: { latitude: 47.6, longitude: -122.3, area: 'us' },
  sin: { latitude: 1.4, longitude: 103.8, area: 'apac' },
  sjc: { latitude: 37.3, longitude: -121.9, area: 'us' },
  syd: { latitude: -33.9, longitude: 151.2, area: 'apac' },
  waw: { latitude: 52.2, longitude: 21, area: 'eu' },
  yul: { latitude: 45.5, longitude: -73.6, area: 'na' },
  yyz: { latitude: 43.7, longitude: -79.4, area: 'na' },
}

/** The aliases of `region=` and the areas they stand for ("Geographic groups and aliases"). `any` is all of Earth. */
const aliases: Readonly<Record<string, readonly Place['area'][]>> = {
  apac: ['apac'],
  eu: ['eu'],
  na: ['na', 'us'],
  sa: ['sa'],
  us: ['us'],
  usa: ['us'],
  any: ['apac', 'eu', 'na', 'sa', 'us', 'elsewhere'],
}

/** Whether a name in a list of regions covers this region. */
export function covers(name: string, region: string): boolean {
  if (name === region || name === 'any') return true
  const area = places[region]?.area
  return area !== undefined && (aliases[name]?.includes(area) ?? false)
}

/** Great-circle distance in kilometres, or undefined where one of the two is not on the list. */
export function distance(from: string, to: string): number | undefined {
  const a = places[from]
  const b = places[to]
  if (!a || !b) return undefined
  const radians = Math.PI / 180
  const half = (angle: number): number => Math.sin((angle * radians) / 2) ** 2
  const across = Math.cos(a.latitude * radians) * Math.cos(b.latitude * radians) * half(b.longitude - a.longitude)
  return 2 * 6_371 * Math.asin(Math.sqrt(half(b.latitude - a.latitude) + across))
}
