"""What people see: plans, progress, results, objects and errors as text. Renders documents; decides nothing."""
