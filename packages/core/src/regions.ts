/** A region of Fly.io: its city, and where on the globe that is, in degrees. */
export interface Region {
  readonly name: string
  readonly latitude: number
  readonly longitude: number
}

/**
 * The regions of Fly.io: those that its docs list ("Regions", 2026), then those it has closed or merged, which older
 * settings still name. Codes come and go: one that is not here is legal, it only has no distance.
 */
export const regions: Readonly<Record<string, Region>> = {
  ams: { name: 'Amsterdam', latitude: 52.37, longitude: 4.9 },
  arn: { name: 'Stockholm', latitude: 59.33, longitude: 18.07 },
  bom: { name: 'Mumbai', latitude: 19.08, longitude: 72.88 },
  cdg: { name: 'Paris', latitude: 48.86, longitude: 2.35 },
  dfw: { name: 'Dallas', latitude: 32.78, longitude: -96.8 },
  ewr: { name: 'Secaucus', latitude: 40.79, longitude: -74.06 },
  fra: { name: 'Frankfurt', latitude: 50.11, longitude: 8.68 },
  gru: { name: 'São Paulo', latitude: -23.55, longitude: -46.63 },
  iad: { name: 'Ashburn', latitude: 39.04, longitude: -77.49 },
  jnb: { name: 'Johannesburg', latitude: -26.2, longitude: 28.05 },
  lax: { name: 'Los Angeles', latitude: 34.05, longitude: -118.24 },
  lhr: { name: 'London', latitude: 51.51, longitude: -0.13 },
  nrt: { name: 'Tokyo', latitude: 35.68, longitude: 139.69 },
  ord: { name: 'Chicago', latitude: 41.88, longitude: -87.63 },
  sin: { name: 'Singapore', latitude: 1.35, longitude: 103.82 },
  sjc: { name: 'San Jose', latitude: 37.34, longitude: -121.89 },
  syd: { name: 'Sydney', latitude: -33.87, longitude: 151.21 },
  yyz: { name: 'Toronto', latitude: 43.65, longitude: -79.38 },

  atl: { name: 'Atlanta', latitude: 33.75, longitude: -84.39 },
  bog: { name: 'Bogotá', latitude: 4.71, longitude: -74.07 },
  bos: { name: 'Boston', latitude: 42.36, longitude: -71.06 },
  den: { name: 'Denver', latitude: 39.74, longitude: -104.99 },
  eze: { name: 'Buenos Aires', latitude: -34.6, longitude: -58.38 },
  gdl: { name: 'Guadalajara', latitude: 20.67, longitude: -103.35 },
  gig: { name: 'Rio de Janeiro', latitude: -22.91, longitude: -43.17 },
  hkg: { name: 'Hong Kong', latitude: 22.32, longitude: 114.17 },
  maa: { name: 'Chennai', latitude: 13.08, longitude: 80.27 },
  mad: { name: 'Madrid', latitude: 40.42, longitude: -3.7 },
  mia: { name: 'Miami', latitude: 25.76, longitude: -80.19 },
  otp: { name: 'Bucharest', latitude: 44.43, longitude: 26.1 },
  phx: { name: 'Phoenix', latitude: 33.45, longitude: -112.07 },
  qro: { name: 'Querétaro', latitude: 20.59, longitude: -100.39 },
  scl: { name: 'Santiago', latitude: -33.45, longitude: -70.67 },
  sea: { name: 'Seattle', latitude: 47.61, longitude: -122.33 },
  waw: { name: 'Warsaw', latitude: 52.23, longitude: 21.01 },
  yul: { name: 'Montréal', latitude: 45.5, longitude: -73.57 },
}

/** Whether the code is one that Fly.io has, or had. */
export function isKnownRegion(code: string): boolean {
  return Object.hasOwn(regions, code)
}

/** Whether this looks like a region code: three lower-case letters. */
export function isRegionCode(code: string): boolean {
  return /^[a-z]{3}$/.test(code)
}

/** The great-circle distance between two regions in kilometres; infinite where one of them is not known. */
export function distanceKm(from: string, to: string): number {
  if (from === to) return 0
  const a = Object.hasOwn(regions, from) ? regions[from] : undefined
  const b = Object.hasOwn(regions, to) ? regions[to] : undefined
  if (a === undefined || b === undefined) return Number.POSITIVE_INFINITY
  const radians = Math.PI / 180
  const haversine =
    Math.sin(((b.latitude - a.latitude) * radians) / 2) ** 2 +
    Math.cos(a.latitude * radians) *
      Math.cos(b.latitude * radians) *
      Math.sin(((b.longitude - a.longitude) * radians) / 2) ** 2
  return 2 * 6371 * Math.asin(Math.sqrt(haversine))
}

/** The candidate nearest to a region; the first in the alphabet where distances are equal or unknown. */
export function nearestRegion(from: string, candidates: Iterable<string>): string | undefined {
  let nearest: string | undefined
  for (const candidate of [...candidates].sort()) {
    if (nearest === undefined || distanceKm(from, candidate) < distanceKm(from, nearest)) nearest = candidate
  }
  return nearest
}
