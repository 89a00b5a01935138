export const labHelp = `flyroute lab [options] -- command …

Runs the command, your app, in several regions of Fly.io on this machine: with a proxy that understands fly-replay, a real
primary database and streaming replicas, and the distances in between. The app listens on PORT and finds FLY_REGION,
PRIMARY_REGION, DATABASE_URL (the primary) and DATABASE_URL_<REGION> (the replicas) in its environment.

  --regions ord,ams,gru     the regions (default: ord,ams,gru)
  --primary ord             the region of the primary database (default: the first)
  --setup "npm run migrate" a shell command that runs once before the app, in the primary region
  --database postgres       postgres, mariadb, mysql or none (default: postgres)
  --replicas ams            regions with a replica (default: all but the primary's)
  --no-replica gru          regions without one; the others have one
  --machines 1              copies of the app in each region (default: 1)
  --rtt ord-ams=95,…        round trip times in milliseconds (default: by distance)
  --port 8000               port of the first region; the others follow (default: any that are free)
  --keep                    keep the primary's data for the next time in this folder (postgres)
  --quiet                   do not show what the app prints
`
