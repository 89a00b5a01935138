export { FlyrouteInstrumentation, type FlyrouteInstrumentationConfig } from './instrumentation.ts'
export { replayPropagator } from './propagator.ts'
