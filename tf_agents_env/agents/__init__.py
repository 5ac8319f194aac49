"""The algorithms that train the controller, a file each; `agent_settings` has the contract."""
