import type { NextConfig } from 'next'

// Types are checked by the suite's runner.
export default { poweredByHeader: false, typescript: { ignoreBuildErrors: true } } satisfies NextConfig
