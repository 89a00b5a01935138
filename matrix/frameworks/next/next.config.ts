import type { NextConfig } from 'next'

// Types are checked by whoever runs this suite.
export default { poweredByHeader: false, typescript: { ignoreBuildErrors: true } } satisfies NextConfig
