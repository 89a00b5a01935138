// Preloaded into the app where its machine's clock is to be wrong by CLOCK_OFFSET_MS.
const offset = Number(process.env.CLOCK_OFFSET_MS ?? 0)
const { now } = Date
Date.now = () => now() + offset
