package ftl
