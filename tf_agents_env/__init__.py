"""The search for update rules as TF-Agents sees it: environment, networks, controllers, training binary."""
