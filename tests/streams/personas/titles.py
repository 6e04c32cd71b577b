"""Titles whose role and seniority we know: what the shipped maps have to say.  `-` stands for unknown."""

TABLE = """
CEO | executive | c-level
Chief Executive Officer | executive | c-level
Founder | executive | c-level
Founder & CEO | executive | c-level
Co-Founder | executive | c-level
Cofounder | executive | c-level
Co-Founder & CTO | executive | c-level
CTO & Co-Founder | engineering | c-level
CTO | engineering | c-level
C.T.O. | engineering | c-level
Chief Technology Officer | engineering | c-level
CFO | finance | c-level
Chief Financial Officer | finance | c-level
Fractional CFO | finance | c-level
Interim CMO | marketing | c-level
CMO | marketing | c-level
Chief Marketing Officer | marketing | c-level
CPO | product | c-level
Chief Product Officer | product | c-level
CRO | sales | c-level
Chief Revenue Officer | sales | c-level
Chief Commercial Officer | sales | c-level
COO | operations | c-level
Chief Operating Officer | operations | c-level
CIO | it-security | c-level
Chief Information Officer | it-security | c-level
CISO | it-security | c-level
Chief Information Security Officer | it-security | c-level
CHRO | people | c-level
Chief People Officer | people | c-level
Chief Human Resources Officer | people | c-level
Chief Legal Officer | legal | c-level
Chief Data Officer | data | c-level
Chief AI Officer | data | c-level
Chief Customer Officer | customer-success | c-level
Chief Growth Officer | marketing | c-level
Chief Compliance Officer | legal | c-level
Chief Design Officer | design | c-level
CDO | - | c-level
CCO | - | c-level
President | executive | c-level
President and CEO | executive | c-level
Chairman of the Board | executive | c-level
Managing Director | executive | c-level
Managing Partner | executive | c-level
Board Member | executive | c-level
Owner | executive | c-level
Owner/Operator | executive | c-level
General Manager | executive | director
Executive Director | executive | director
Entrepreneur | executive | -
Vice President | - | vp
VP | - | vp
VP Sales | sales | vp
V.P. of Sales | sales | vp
VP, Engineering | engineering | vp
VP Product and Design | product | vp
VP Design & Product | design | vp
Vice President of Marketing | marketing | vp
Vice President, Customer Success | customer-success | vp
SVP Finance | finance | vp
Senior Vice President, Human Resources | people | vp
EVP Operations | operations | vp
Executive Vice President & General Counsel | legal | c-level
AVP Marketing | marketing | vp
Assistant Vice President | - | vp
VP of Data | data | vp
VP R&D | engineering | vp
VP Technology | engineering | vp
Head of Product | product | head
Head of Engineering | engineering | head
Head of Growth | marketing | head
Head of People | people | head
Head of IT | it-security | head
Head of Sales Development | sales | head
Head of Customer Success | customer-success | head
Head of Data & Analytics | data | head
Head of Design | design | head
Head of Finance | finance | head
Head of Legal | legal | head
Head of Revenue Operations | operations | head
Head of Product Marketing | marketing | head
Global Head of Talent Acquisition | people | head
Head - Marketing | marketing | head
Engineering Head | engineering | head
Deputy Head of Sales | sales | head
Head Chef | other | senior
Head Nurse | other | senior
Director | - | director
Director of Engineering | engineering | director
Dir. of Marketing | marketing | director
Sr. Dir., Product Mktg | marketing | director
Senior Director of Product Management | product | director
Associate Director, Data Science | data | director
Sales Director | sales | director
Finance Director | finance | director
HR Director | people | director
IT Director | it-security | director
Creative Director | design | director
Art Director | design | director
Director of Customer Experience | customer-success | director
Director, Demand Generation | marketing | director
Director of Operations | operations | director
Legal Director | legal | director
Director of User Research | design | director
Account Director | sales | director
Technical Director | engineering | director
Chief of Staff | operations | director
Chief of Staff to the CEO | operations | director
Manager | - | manager
Engineering Manager | engineering | manager
Eng Manager | engineering | manager
Eng. Mgr. | engineering | manager
Software Engineering Manager | engineering | manager
Sr. Engineering Manager | engineering | manager
Marketing Manager | marketing | manager
Sales Manager | sales | manager
Regional Sales Manager | sales | manager
HR Manager | people | manager
Finance Manager | finance | manager
IT Manager | it-security | manager
Design Manager | design | manager
Data Science Manager | data | manager
Senior Manager, Finance | finance | manager
Group Product Manager | product | manager
Customer Support Manager | customer-success | manager
Sales Operations Manager | operations | manager
Operations Supervisor | operations | manager
Legal Operations Manager | legal | manager
FP&A Manager | finance | manager
Growth Manager | marketing | manager
Assistant Marketing Manager | marketing | manager
Procurement Manager | operations | manager
Security Operations Manager | it-security | manager
Product Manager | product | individual
Senior Product Manager | product | senior
Sr Product Manager | product | senior
Lead Product Manager | product | senior
Associate Product Manager | product | individual
Technical Product Manager | product | individual
Data Product Manager | product | individual
Growth Product Manager | product | individual
AI Product Manager | product | individual
Product Owner | product | individual
Product Operations Specialist | product | individual
Product Marketing Manager | marketing | individual
Sr. Product Marketing Manager | marketing | senior
PMM | marketing | individual
Product Designer | design | individual
Senior Product Designer | design | senior
Principal Product Designer | design | senior
Product Analyst | data | individual
Product Engineer | engineering | individual
Product Support Specialist | customer-success | individual
Product Security Engineer | it-security | individual
Product Counsel | legal | individual
Software Engineer | engineering | individual
Software Engineer II | engineering | individual
Senior Software Engineer | engineering | senior
Sr. Software Engineer (Backend) | engineering | senior
Staff Software Engineer | engineering | senior
Principal Engineer | engineering | senior
Junior Developer | engineering | individual
Jr. Web Developer | engineering | individual
SWE | engineering | individual
Software Engineer, Data Platform | engineering | individual
Full-Stack Developer | engineering | individual
Fullstack Engineer | engineering | individual
Front-End Developer | engineering | individual
iOS Engineer | engineering | individual
DevOps Engineer | engineering | individual
Site Reliability Engineer | engineering | individual
QA Engineer | engineering | individual
Tech Lead | engineering | senior
Lead Engineer | engineering | senior
Solutions Architect | engineering | individual
Scrum Master | engineering | individual
R&D Engineer | engineering | individual
Member of Technical Staff | engineering | -
Technical Program Manager | engineering | individual
Data Scientist | data | individual
Senior Data Scientist | data | senior
Data Engineer | data | individual
Lead Data Engineer | data | senior
Data Analyst | data | individual
Business Analyst | data | individual
BI Developer | data | individual
Machine Learning Engineer | data | individual
ML Engineer | data | individual
Analytics Engineer | data | individual
Data Protection Officer | legal | individual
Data Entry Clerk | operations | individual
Data Center Technician | it-security | individual
UX Designer | design | individual
UI/UX Designer | design | individual
User Researcher | design | individual
UX Writer | design | individual
Graphic Designer | design | individual
Content Designer | design | individual
Content Marketing Specialist | marketing | individual
Copywriter | marketing | individual
SEO Specialist | marketing | individual
Social Media Manager | marketing | individual
Community Manager | marketing | individual
Lead Generation Specialist | marketing | individual
Developer Advocate | marketing | individual
Marketing Coordinator | marketing | individual
Marketing Executive | marketing | individual
Marketing Assistant | marketing | individual
Customer Marketing Manager | marketing | manager
Account Executive | sales | individual
Senior Account Executive | sales | senior
Enterprise AE | sales | individual
Account Manager | sales | individual
Key Account Manager | sales | individual
Sales Engineer | sales | individual
Solutions Engineer | sales | individual
Presales Consultant | sales | individual
SDR | sales | individual
Sales Development Rep | sales | individual
BDR | sales | individual
Business Development Manager | sales | manager
Sales Executive | sales | individual
Sales Representative | sales | individual
Partner Manager | sales | individual
Customer Success Manager | customer-success | individual
CSM | customer-success | individual
Senior CSM | customer-success | senior
Customer Success Engineer | customer-success | individual
Technical Account Manager | customer-success | individual
Support Engineer | customer-success | individual
Technical Support Specialist | customer-success | individual
Customer Service Representative | customer-success | individual
Team Lead, Customer Support | customer-success | senior
Implementation Consultant | customer-success | individual
Accountant | finance | individual
Senior Accountant | finance | senior
Financial Analyst | finance | individual
Financial Controller | finance | manager
Bookkeeper | finance | individual
Payroll Specialist | finance | individual
Internal Auditor | finance | individual
Recruiter | people | individual
Technical Recruiter | people | individual
HR Business Partner | people | individual
HR Generalist | people | individual
Talent Acquisition Specialist | people | individual
People Operations Coordinator | people | individual
Head Hunter | people | -
Headhunter | people | -
General Counsel | legal | c-level
Associate General Counsel | legal | senior
Senior Counsel | legal | senior
Commercial Counsel | legal | individual
Attorney | legal | individual
Paralegal | legal | individual
Compliance Officer | legal | individual
Executive Assistant | operations | individual
Executive Assistant to the CEO | operations | individual
Assistant to the CEO | operations | individual
Personal Assistant to the Managing Director | operations | individual
EA to CEO and CFO | operations | individual
Administrative Assistant | operations | individual
Office Manager | operations | individual
Project Manager | operations | individual
Program Manager | operations | individual
Supply Chain Analyst | operations | individual
Production Manager | operations | manager
System Administrator | it-security | individual
SysAdmin | it-security | individual
IT Support Specialist | it-security | individual
IT Project Manager | it-security | individual
Security Engineer | it-security | individual
Information Security Analyst | it-security | individual
Network Engineer | it-security | individual
Security Guard | other | -
Marketing Intern | marketing | intern
Software Engineering Intern | engineering | intern
Data Analyst Intern | data | intern
Intern, Product Management | product | intern
Finance Trainee | finance | intern
Student | student | intern
PhD Student | student | intern
Professor | other | -
Teacher | other | -
Personal Trainer | other | -
Former CEO | - | -
Engineer, ex-CEO | engineering | individual
Retired | other | -
Ninja | - | -
Partner | - | -
Consultant | - | individual
n/a | - | -
Geschäftsführer | executive | c-level
Geschäftsführerin | executive | c-level
Geschaeftsfuehrer | executive | c-level
Gründer und Geschäftsführer | executive | c-level
Inhaberin | executive | c-level
Vorstand Finanzen | executive | c-level
Mitglied der Geschäftsleitung | executive | c-level
Assistentin der Geschäftsführung | operations | individual
Referent der Geschäftsführung | - | individual
Vertriebsassistentin | sales | individual
Mitglied der Geschäftsführung | executive | c-level
Vertriebsleiter | sales | head
Leiter Vertrieb | sales | head
Leiterin Marketing | marketing | head
Marketingleiterin | marketing | head
Personalleiter | people | head
Leiter Personal | people | head
IT-Leiter | it-security | head
Leitung Finanzen | finance | head
Teamleiter Vertrieb | sales | senior
Vertriebsmitarbeiter | sales | individual
Produktmanagerin | product | individual
Produktdesigner | design | individual
Softwareentwickler | engineering | individual
Software-Entwickler (m/w/d) | engineering | individual
Softwareentwicklerin | engineering | individual
Senior Entwickler | engineering | senior
Wirtschaftsingenieur | engineering | individual
Projektleiter | operations | individual
Einkaufsleiterin | operations | head
Buchhalterin | finance | individual
Personalreferentin | people | individual
Datenanalyst | data | individual
Datenschutzbeauftragter | legal | -
Rechtsanwältin | legal | individual
Werkstudent Marketing | marketing | intern
Praktikantin Produktmanagement | product | intern
Kundenbetreuer | customer-success | individual
Systemadministrator | it-security | individual
Directeur général | executive | c-level
Directrice Générale | executive | c-level
PDG | executive | c-level
Fondateur | executive | c-level
Co-fondatrice & CEO | executive | c-level
Directeur marketing | marketing | director
Directrice Commerciale | sales | director
Directeur technique | engineering | director
Directeur financier | finance | director
DRH | people | director
DSI | it-security | director
Responsable RH | people | manager
Responsable marketing | marketing | manager
Chef de produit | product | individual
Chef de projet | operations | individual
Développeur web | engineering | individual
Développeuse Full Stack | engineering | individual
Ingénieur logiciel | engineering | individual
Ingénieur commercial | sales | individual
Commercial | sales | individual
Comptable | finance | individual
Juriste | legal | individual
Chargée de communication | marketing | individual
Stagiaire marketing | marketing | intern
Assistante de direction | operations | individual
Vice-président ventes | sales | vp
Analyste de données | data | individual
Director General | executive | c-level
Director de Marketing | marketing | director
Directora de Ventas | sales | director
Directora de Recursos Humanos | people | director
Director Financiero | finance | director
Jefe de Ventas | sales | manager
Jefa de Proyecto | operations | individual
Gerente de Producto | product | individual
Gerente de Marketing | marketing | manager
Desarrolladora de Software | engineering | individual
Ingeniero de Software | engineering | individual
Ingeniero de Datos | data | individual
Analista de Datos | data | individual
Diseñadora Gráfica | design | individual
Ejecutivo de Ventas | sales | individual
Contador | finance | individual
Abogada | legal | individual
Becario de Marketing | marketing | intern
Vicepresidente de Operaciones | operations | vp
Fundador | executive | c-level
Asistente de Marketing | marketing | individual
Diretor Geral | executive | c-level
Sócio Fundador | executive | c-level
Diretora de Marketing | marketing | director
Diretor Comercial | sales | director
Diretor de Tecnologia | engineering | director
Gerente de Vendas | sales | manager
Gerente de Produto | product | individual
Gerente de Projetos | operations | individual
Coordenadora de Projetos | operations | individual
Desenvolvedor Back-End | engineering | individual
Engenheira de Software | engineering | individual
Engenheiro de Dados | data | individual
Analista de Dados Sênior | data | senior
Analista de RH | people | individual
Executivo de Contas | sales | individual
Advogado | legal | individual
Estagiário de Marketing | marketing | intern
Assistente Administrativo | operations | individual
"""

KNOWN = [tuple(cell.strip() for cell in line.split("|")) for line in TABLE.strip().splitlines()]
"""(title, role, seniority)."""
