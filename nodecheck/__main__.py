"""`python -m nodecheck`."""

from nodecheck.frontends.cli.main import main

main()
